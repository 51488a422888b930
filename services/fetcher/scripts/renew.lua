#!lua
-- Renews the claim of a job; 0: it is not ours any more.
-- KEYS 1 job     ARGV 1 token, 2 lease ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
