#!lua flags=allow-oom
-- Publish readings. Returns the number of receivers.
-- A plain PUBLISH succeeds on a replica and reaches nobody; the shebang makes it refuse this one.
-- ARGV  1 channel, 2 message
return redis.call('PUBLISH', ARGV[1], ARGV[2])
