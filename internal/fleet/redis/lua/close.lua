-- Returns: 1 the window was open, 0 its cooldown had ended, -1 there was none.
local t = now()
local o = opened(t)
if not o or o == 0 then return { -1 } end
local open = o + num(redis.call('HGET', KEYS[1], 'cd')) > t
redis.call('HSET', KEYS[1], 'o', '0')
schedule(t)
return { open and 1 or 0 }
