#!lua
-- Publish readings only if an aggregator holds the lease. Returns the number of receivers.
-- A plain PUBLISH succeeds on a full or read-only server and reaches nobody; the shebang makes
-- those refuse this script.
-- KEYS  1 lease     ARGV  1 channel, 2 message
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.error_reply('NOAGG no aggregator') end
return redis.call('PUBLISH', ARGV[1], ARGV[2])
