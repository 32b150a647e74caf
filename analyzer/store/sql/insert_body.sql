INSERT INTO bodies VALUES ($digest);
