#!lua
-- Claims a job. Returns 0 when it is ours now, else the milliseconds until the key ends.
-- KEYS 1 job     ARGV 1 token, 2 lease ms
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then  -- ours always end; one that does not would stop the job for ever
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return math.max(1, left)
