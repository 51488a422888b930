#!lua flags=allow-oom
-- Note how far the active aggregator has read `raw_tokens`, and how far ahead publishers may be.
-- Returns that and how far they are. Without an `at` it has just subscribed: nothing that was
-- published before will come.
-- KEYS  1 meta, 2 published, 3 taken     ARGV  1 fence, 2 at or "", 3 most, 4 for how long (ms)
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence ~= ARGV[1] then return redis.error_reply('FENCED ' .. tostring(fence)) end
local published = redis.call('GET', KEYS[2]) or '0'
local at = ARGV[2] == '' and published or ARGV[2]
redis.call('HSET', KEYS[3], 'at', at, 'most', ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return {at, published}
