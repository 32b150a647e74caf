SELECT *
FROM requests
WHERE ($since_ns::BIGINT IS NULL OR start_ns >= $since_ns)
  AND ($until_ns::BIGINT IS NULL OR start_ns < $until_ns)
  AND ($service::VARCHAR IS NULL OR list_contains(services, $service))
  AND ($min_duration_ns::BIGINT IS NULL OR duration_ns >= $min_duration_ns)
  AND (NOT $errors OR error)
  AND ($label::VARCHAR IS NULL OR label = $label)
  AND ($version::VARCHAR IS NULL OR version = $version)
ORDER BY start_ns DESC, request
LIMIT $most::BIGINT;
