-- ARGV: 3 run, 4 cooldown, 5 grace, 6 rule, 7 text, 8 most windows of the shard, then an incident as of report.
-- Returns: 1 an incident is open or 0, 1 that of the report is over or 0; 2 no room.
local t, run = now(), ARGV[3]
local w = redis.call('HMGET', KEYS[1], 'o', 'io', 'ig', 'zk')
local known = w[1] and w[2]
if known and w[4] then return { 1, 0 } end -- the numbers of an end that is sent stay
if num(ARGV[13]) > 0 then
  local gen, made = said(run)
  if w[1] and gen and num(ARGV[15]) <= made and (not known or gen ~= str(num(w[3]))) then return { known and 1 or 0, 1 } end
  if not w[1] then
    if not room(t, num(ARGV[8])) then return { 2, 0 } end
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[1], 'o', '0')
  end
  redis.call('HSET', KEYS[1], 'cd', ARGV[4], 'gr', ARGV[5], 'td', td, 'r', ARGV[6], 'x', ARGV[7])
  report(t, run, 9)
elseif known then
  touch(t, num(ARGV[10]), num(ARGV[11]))
else
  return { 0, 0 }
end
local held = redis.call('HMGET', KEYS[1], 'cd', 'tm')
keep(t, math.max(num(held[1]), termsOf(held[2])[1] or 0))
schedule(t)
return { 1, 0 }
