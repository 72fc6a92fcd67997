-- ARGV: 3 run, 4 alert, 5 hand-over
-- Returns: 1 another node has the alert, 0 none has.
local t = now()
local w = redis.call('HMGET', KEYS[1], 'id', 'rn', 'hd')
if w[1] ~= ARGV[4] then return { 0 } end
if w[2] ~= ARGV[3] then return { 1 } end
if w[3] then
  redis.call('HSET', KEYS[1], 'hd', str(t + num(ARGV[5])))
  schedule(t)
end
return { 0 }
