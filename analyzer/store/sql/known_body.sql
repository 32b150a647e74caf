SELECT 1 AS known FROM bodies WHERE digest = $digest;
