-- ARGV: 3 run, 4 node, 5 alert, 6 '1' for a roll-up, 7 cooldown, 8 grace, 9 hand-over, 10 payload, 11 rule, 12 text, 13 most windows of the shard
-- Returns: 1 lead, 0 held or 2 no room; the lead's alert and node; milliseconds left.
local t, cooldown, grace = now(), num(ARGV[7]), num(ARGV[8])
local o = opened(t)
if o then
  local w = redis.call('HMGET', KEYS[1], 'id', 'rn', 'nd', 'h', 'fz')
  local left = math.max(0, o + cooldown - t)
  if w[1] == ARGV[5] and w[2] == ARGV[3] then return { 1, w[1], w[3], left } end
  if o > 0 then
    local age, waits = t - o, num(w[4]) > 0 or w[5] or ARGV[6] == '1'
    if age < cooldown or (waits and age < cooldown + 3 * grace + 5000) then return { 0, w[1] or '', w[3] or '', left } end
  end
elseif not room(t, num(ARGV[13])) then
  return { 2, '', '', 0 }
end
redis.call('HSET', KEYS[1], 'o', str(t), 'id', ARGV[5], 'rn', ARGV[3], 'nd', ARGV[4], 'cd', str(cooldown), 'gr', str(grace), 'td', td)
redis.call('HSET', KEYS[1], 'r', ARGV[11], 'x', ARGV[12])
redis.call('HDEL', KEYS[1], 'p', 'hd', 'hx')
if ARGV[10] ~= '' and num(ARGV[9]) > 0 then redis.call('HSET', KEYS[1], 'p', ARGV[10], 'hd', str(t + num(ARGV[9]))) end
keep(t, cooldown)
schedule(t)
return { 1, ARGV[5], ARGV[4], cooldown }
