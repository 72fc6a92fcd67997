-- Returns nothing for no window, else: age of the opening or -1, length, milliseconds left, lead's alert and node, '1' if its alert waits, unreported hits,
-- nodes, hits of a roll-up that is delivered, rule, text, set of triggers; if an incident is open: ages of its opening and of its latest hit, milliseconds until it
-- ends or 0, '1' if it ends, alerts, hits.
local t = now()
local w = redis.call('HMGET', KEYS[1], 'o', 'cd', 'id', 'nd', 'hd', 'h', 'k', 'zn', 'r', 'x', 'td', 'q', 'n', 'tm')
if not w[1] then return {} end
local o = math.min(num(w[1]), t)
local till, length = ends(o, math.min(num(w[12]), t), num(w[2]), termsOf(w[14]), num(w[13]))
local age, left = -1, 0
if o > 0 then age, left = t - o, math.max(0, till - t) end
local answer = { age, length, left, w[3] or '', w[4] or '', w[5] and 1 or 0, num(w[6]), num(w[7]), num(w[8]), w[9] or '', w[10] or '', w[11] or '' }
local i = redis.call('HMGET', KEYS[1], 'io', 'ia', 'ir', 'ib', 'zk', 'in', 'ik', 'gr')
if i[1] then
  local arrived, over_in = math.min(num(i[2]), t), 0
  if num(i[3]) > 0 then over_in = math.max(1, arrived + num(i[3]) + num(i[8]) - t) end
  for n, part in ipairs({ math.max(0, t - num(i[1])), t - arrived, over_in, (i[4] or i[5]) and 1 or 0, num(i[6]), num(i[7]) }) do answer[12 + n] = part end
end
return answer
