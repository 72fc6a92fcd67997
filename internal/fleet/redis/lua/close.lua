-- Returns: 1 the window was open, 0 its cooldown had ended, -1 there was none.
local t = now()
local o, q = opened(t)
if not o or o == 0 then return { -1 } end
local w = redis.call('HMGET', KEYS[1], 'cd', 'tm', 'n')
local open = ends(o, q, num(w[1]), termsOf(w[2]), num(w[3])) > t
redis.call('HSET', KEYS[1], 'o', '0')
redis.call('HDEL', KEYS[1], 'n')
schedule(t)
return { open and 1 or 0 }
