-- Returns nothing for no window, else: age of the opening or -1, length, milliseconds left, lead's alert and node, '1' if its alert waits, unreported hits,
-- nodes, hits of a roll-up that is delivered, rule, text, set of triggers.
local t = now()
local w = redis.call('HMGET', KEYS[1], 'o', 'cd', 'id', 'nd', 'hd', 'h', 'k', 'zn', 'r', 'x', 'td', 'q', 'n', 'tm')
if not w[1] then return {} end
local o = math.min(num(w[1]), t)
local till, length = ends(o, math.min(num(w[12]), t), num(w[2]), termsOf(w[14]), num(w[13]))
local age, left = -1, 0
if o > 0 then age, left = t - o, math.max(0, till - t) end
return { age, length, left, w[3] or '', w[4] or '', w[5] and 1 or 0, num(w[6]), num(w[7]), num(w[8]), w[9] or '', w[10] or '', w[11] or '' }
