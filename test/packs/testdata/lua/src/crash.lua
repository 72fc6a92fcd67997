-- Ends with the error that the argument names.
local billing = {}

function billing.charge(amount)
  if amount > 100 then
    error("card 4242 was declined for " .. amount .. " EUR")
  end
  return amount
end

local function pay(order)
  return (billing.charge(order.amount))
end

local Order = {}
Order.__index = Order

function Order:checkout()
  local paid = pay(self)
  return paid
end

local order = setmetatable({ id = 4711, amount = 250 }, Order)

local Declined = { __name = "CardDeclined" }
Declined.__tostring = function(e) return "CardDeclined: card " .. e.card .. " was declined" end

local cases = {
  nested = function() order:checkout() end,
  text = function() error("no broker", 0) end,
  index = function() local customer; print(customer.name) end,
  call = function() order:refund() end,
  arithmetic = function() return order.amount + order.currency end,
  object = function() error(setmetatable({ card = 4242 }, Declined)) end,
  table = function() error({ code = 402 }) end,
  handled = function()
    local ok, trace = xpcall(function() order:checkout() end, debug.traceback)
    if not ok then io.stderr:write(os.date("%Y-%m-%d %H:%M:%S"), " [ERROR] order 4711: ", trace, "\n") end
  end,
  coroutine = function()
    local worker = coroutine.create(function() order:checkout() end)
    local _, message = coroutine.resume(worker)
    error(debug.traceback(worker, message), 0)
  end,
  rethrown = function()
    local ok, message = pcall(order.checkout, order)
    if not ok then error("order 4711 cannot be paid: " .. message) end
  end,
  missing_module = function() require("gateway.stripe") end,
}

cases[arg[1]]()
