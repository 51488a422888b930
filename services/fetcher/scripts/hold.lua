#!lua
-- Lets no replica call a host for a time. A shorter time never shortens a hold.
-- KEYS 1 hold     ARGV 1 ms
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return 1
