(* Ends with the error that the argument names. *)
let order = 4711

let lookup table = 1 + Hashtbl.find table order [@@inline never]

let retry amount =
  try Billing.pay amount + 1
  with e ->
    prerr_endline "refunding order 4711";
    raise e
[@@inline never]

let wrapped amount =
  try Billing.pay amount + 1
  with Billing.Card_declined (card, _) -> failwith (Printf.sprintf "order %d: card %d was declined" order card)
[@@inline never]

let logged amount =
  try Billing.pay amount
  with e ->
    let trace = Printexc.get_raw_backtrace () in
    Printf.eprintf "2026-11-30 09:00:00 [ERROR] order %d: %s\n%s%!" order (Printexc.to_string e) (Printexc.raw_backtrace_to_string trace);
    0
[@@inline never]

let finally amount = Fun.protect ~finally:(fun () -> prerr_endline "closed") (fun () -> Billing.pay amount + 1) [@@inline never]

let rec deep n = if n = 0 then Billing.pay 250 else 1 + deep (n - 1)

let () =
  let run = match Sys.argv.(1) with
    | "nested" -> fun () -> Billing.pay 250
    | "division" -> fun () -> Billing.pay 0
    | "not_found" -> fun () -> lookup (Hashtbl.create 1)
    | "failure" -> fun () -> failwith "no broker"
    | "invalid" -> fun () -> String.length (String.sub "order" 3 9)
    | "bounds" -> fun () -> [| 1 |].(Array.length Sys.argv + 7)
    | "reraise" -> fun () -> retry 250
    | "wrapped" -> fun () -> wrapped 250
    | "logged" -> fun () -> logged 250
    | "finally" -> fun () -> finally 250
    | "deep" -> fun () -> deep 20
    | "assert" -> fun () -> assert (order < 0); 0
    | "system" -> fun () -> in_channel_length (open_in "/srv/none")
    | "overflow" -> fun () -> let rec f n = 1 + f (n + 1) in f 0
    | _ -> fun () -> int_of_string "4711 EUR" in
  Printf.printf "%d\n" (run ())
