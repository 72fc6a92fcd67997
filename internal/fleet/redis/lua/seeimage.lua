-- KEYS: 1 when the template was seen first, and who did, 2 when the image appeared. ARGV: 1 run and alert, 2 how long both are remembered, 3 run without an alert,
-- 4 age of the template on the node, 5 that of the image, '' for unknown. Returns: 1 it was not seen before the image appeared, 0 it was.
local t = now()
local first, by = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (.*)$')
local seen = t - num(ARGV[4])
if first then seen = math.min(seen, num(first)) end
if not by or by == ARGV[3] then by = ARGV[1] end
redis.call('SET', KEYS[1], str(seen) .. ' ' .. by, 'PX', ARGV[2])
local since = redis.call('GET', KEYS[2])
if ARGV[5] ~= '' then since = math.min(num(since or t), t - num(ARGV[5])) end
if not since then return { by == ARGV[1] and 1 or 0 } end
redis.call('SET', KEYS[2], str(since), 'PX', ARGV[2])
return { seen >= num(since) and 1 or 0 }
