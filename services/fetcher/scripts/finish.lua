#!lua
-- Ends a claim: the key rests until the next run is due.
-- KEYS 1 job     ARGV 1 token, 2 rest ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) < 1 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], 'rest', 'PX', ARGV[2])
return 1
