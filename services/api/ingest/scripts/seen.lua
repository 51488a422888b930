#!lua
-- Note the first sight of a batch, or return what is known of it: hash of the body, time of
-- receipt, status and answer (nil while there is none).
-- KEYS  1 the batch     ARGV  1 hash of the body, 2 time of receipt, 3 ttl ms
if redis.call('HSETNX', KEYS[1], 'body', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'received_ms', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'body', 'received_ms', 'status', 'answer')
