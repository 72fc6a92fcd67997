exception Card_declined of int * string

let charge amount =
  if amount > 100 then raise (Card_declined (4242, "no funds"));
  1000 / amount
[@@inline never]

let pay amount =
  let paid = charge amount in
  paid + 1
[@@inline never]
