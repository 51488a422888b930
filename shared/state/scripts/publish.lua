#!lua flags=allow-oom
-- Publish readings. Returns the number of receivers, or -1: not published, the aggregator is behind.
-- A plain PUBLISH succeeds on a replica and reaches nobody; the shebang makes it refuse this one.
-- KEYS  1 published, 2 taken     ARGV  1 channel, 2 message
--include within
