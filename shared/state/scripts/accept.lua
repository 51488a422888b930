#!lua
-- Publish readings only if an aggregator holds the lease. Returns the number of receivers, or -1:
-- not published, the aggregator is behind.
-- A plain PUBLISH succeeds on a full or read-only server and reaches nobody; the shebang makes
-- those refuse this script.
-- KEYS  1 published, 2 taken, 3 lease     ARGV  1 channel, 2 message
if redis.call('EXISTS', KEYS[3]) == 0 then return redis.error_reply('NOAGG no aggregator') end
--include within
