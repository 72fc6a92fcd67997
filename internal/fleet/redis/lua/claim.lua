-- ARGV: 3 run, 4 node, 5 alert, 6 '1' for a roll-up, 7 cooldown, 8 grace, 9 hand-over, 10 payload, 11 rule, 12 text, 13 most windows of the shard, 14 terms, 15 '1'
-- for the rest of an incident, then an incident as of report, if the rule asks for its end
-- Returns: 1 lead, 0 held, 2 no room, 3 an end is being sent, or 4 the incident is over; the lead's alert and node; milliseconds left.
local t, cooldown, grace, terms = now(), num(ARGV[7]), num(ARGV[8]), termsOf(ARGV[14])
local o, q, began = opened(t)
local on = goesOn(t, q, cooldown, grace)
if o then
  local w = redis.call('HMGET', KEYS[1], 'id', 'rn', 'nd', 'h', 'fz', 'n')
  local till = ends(o, q, cooldown, terms, num(w[6]))
  local left = math.max(0, till - t)
  if w[1] == ARGV[5] and w[2] == ARGV[3] then return { 1, w[1], w[3], left } end
  local i = redis.call('HMGET', KEYS[1], 'io', 'ig', 'zk', 'tu')
  if ARGV[15] == '1' and i[2] then
    if i[1] and not i[3] then return { 0, w[1] or '', w[3] or '', left } end
    return { 4, w[1] or '', w[3] or '', left }
  end
  if i[3] then
    if num(i[4]) > t then return { 3, '', '', 0 } end
    resume()
  elseif i[1] and ARGV[16] then
    touch(t, num(ARGV[17]), num(ARGV[18]))
    schedule(t)
  end
  local waits = num(w[4]) > 0 or w[5] or ARGV[6] == '1'
  if o > 0 and (t < till or (waits and t < till + 3 * grace + 5000)) then
    if #terms > 0 then
      redis.call('HSET', KEYS[1], 'q', str(t))
      if not on then redis.call('HDEL', KEYS[1], 'eb', 'es') end
      schedule(t)
    end
    return { 0, w[1] or '', w[3] or '', left }
  end
elseif not room(t, num(ARGV[13])) then
  return { 2, '', '', 0 }
end
redis.call('HSET', KEYS[1], 'o', str(t), 'id', ARGV[5], 'rn', ARGV[3], 'nd', ARGV[4], 'cd', str(cooldown), 'gr', str(grace), 'td', td)
redis.call('HSET', KEYS[1], 'r', ARGV[11], 'x', ARGV[12], 'tm', ARGV[14], 'q', str(t))
redis.call('HDEL', KEYS[1], 'p', 'hd', 'hx', 'n')
if #terms < 2 then
  redis.call('HDEL', KEYS[1], 'eb', 'es')
elseif began == 0 or not on then
  redis.call('HSET', KEYS[1], 'eb', str(t), 'es', '0')
end
if ARGV[10] ~= '' and num(ARGV[9]) > 0 then redis.call('HSET', KEYS[1], 'p', ARGV[10], 'hd', str(t + num(ARGV[9]))) end
if ARGV[16] then report(t, ARGV[3], 16) end
keep(t, math.max(cooldown, terms[1] or 0))
schedule(t)
return { 1, ARGV[5], ARGV[4], cooldown }
