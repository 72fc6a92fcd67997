-- ARGV: 2 run, 3 sequence number, 4 age, 5 since when it waits, 6 within, 7 sample, 8 rule, 9 text. Returns: 1 the wait is over, or 0.
local t, field, within = now(), 'w:' .. ARGV[2], num(ARGV[6])
local at, b, dealt = t - num(ARGV[4]), past('b', t), past('d', t)
local seq, was = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%d+):(%d+)$')
if seq and num(seq) > num(ARGV[3]) then
  schedule()
  return { 1 }
end
if seq == ARGV[3] then at = math.min(num(was), at) end -- the report that was quicker is right
local over = dealt and at <= dealt
for _, other in ipairs(times(t, within)) do
  if other > at - APART and other < at + within then over = true end
end
redis.call('HSET', KEYS[1], field, ARGV[3] .. ':' .. str(at))
local by = ARGV[2] .. ':' .. ARGV[3]
if b and redis.call('HGET', KEYS[1], 'by') == by then
  if over then forget() else redis.call('HSET', KEYS[1], 'b', str(math.min(b, at))) end
elseif not over and not b then
  redis.call('HSET', KEYS[1], 'b', str(at), 'by', by, 'bd', str(t - num(ARGV[5]) + within), 's', ARGV[7], 'r', ARGV[8], 'x', ARGV[9])
end
keep(within)
schedule()
return { over and 1 or 0 }
