// Ends with the panic or error that the argument names.
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

#[derive(Debug)]
enum PaymentError {
    CardDeclined { code: u32, amount: u32 },
    Gateway(Box<dyn std::error::Error>),
}

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            PaymentError::CardDeclined { code, amount } => write!(f, "card was declined for {} EUR (code {})", amount, code),
            PaymentError::Gateway(e) => write!(f, "gateway: {}", e),
        }
    }
}
impl std::error::Error for PaymentError {}

fn charge(amount: u32) -> Result<u32, PaymentError> {
    if amount > 100 {
        return Err(PaymentError::CardDeclined { code: 51, amount });
    }
    "12x".parse::<u32>().map_err(|e| PaymentError::Gateway(Box::new(e)))
}

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("while dropping");
    }
}

#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    let a = [n; 64];
    deep(a[3] + 1) + a[5]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arg = std::env::args().nth(1).unwrap();
    let empty: Vec<i32> = Vec::new();
    let zero = empty.len() as i32;
    match arg.as_str() {
        "text" => panic!("no broker"),
        "formatted" => panic!("order {} cannot be paid", 4711),
        "multiline" => panic!("first line\nsecond line"),
        "unwrap_none" => println!("{}", empty.first().unwrap()),
        "unwrap_err" => println!("{}", charge(250).unwrap()),
        "expect" => println!("{}", charge(1).expect("checkout failed")),
        "expect_err" => println!("{}", Ok::<i32, i32>(1).expect_err("should fail")),
        "parse" => println!("{}", "12x".parse::<i32>().unwrap()),
        "no_file" => println!("{}", std::fs::read_to_string("/etc/shop/config.toml").unwrap()),
        "index" => println!("{}", empty[3]),
        "slice" => println!("{:?}", &[1, 2, 3][(zero + 5) as usize..]),
        "utf8_slice" => println!("{}", &"ошибка"[1..(zero + 3) as usize]),
        "from_utf8" => println!("{}", String::from_utf8(vec![0xff]).unwrap()),
        "divide" => println!("{}", 1 / zero),
        "remainder" => println!("{}", 1 % zero),
        "overflow" => println!("{}", i32::MAX + zero + 1),
        "subtract" => println!("{}", (zero as u32) - 1),
        "shift" => println!("{}", 1 << (zero + 40)),
        "negate" => println!("{}", -(i32::MIN + zero)),
        "cast" => println!("{}", u8::try_from(zero + 300).unwrap()),
        "key" => println!("{}", HashMap::<&str, i32>::new()["customer_id"]),
        "refcell" => {
            let c = std::cell::RefCell::new(1);
            let _a = c.borrow_mut();
            let _b = c.borrow_mut();
        }
        "assert" => assert!(zero > 1, "stock went negative: {}", zero),
        "assert_eq" => assert_eq!(zero, 3),
        "assert_ne" => assert_ne!(zero, 0, "the same"),
        "unreachable" => unreachable!("state {}", 4),
        "unimplemented" => unimplemented!("refund"),
        "todo" => todo!(),
        "thread" => std::thread::Builder::new().name("consumer-1".into()).spawn(|| charge(250).unwrap()).map(|t| t.join().unwrap_or(0)).map(|_| ())?,
        "join" => println!("{}", std::thread::spawn(|| charge(1).unwrap()).join().unwrap()),
        "poisoned" => {
            let m = Arc::new(Mutex::new(1));
            let n = m.clone();
            let _ = std::thread::spawn(move || {
                let _g = n.lock().unwrap();
                panic!("while locked");
            })
            .join();
            println!("{}", m.lock().unwrap());
        }
        "channel" => {
            let (tx, rx) = std::sync::mpsc::channel::<i32>();
            drop(rx);
            tx.send(1).unwrap();
        }
        "double" => {
            let _b = Bomb;
            panic!("first");
        }
        "boxed" => std::panic::panic_any(42),
        "returned" => {
            charge(250)?;
        }
        "returned_inner" => {
            charge(1)?;
        }
        "returned_io" => {
            std::fs::read("/etc/shop/config.toml")?;
        }
        "stack" => println!("{}", deep(1)),
        "memory" => println!("{}", Vec::<u8>::with_capacity(1 << 46).capacity()),
        "abort" => std::process::abort(),
        "ordinary" => {
            for text in ["batch done: 120 rows, error=0, failed=0", "0 errors, 0 warnings", "test error_is_returned ... ok", "test result: ok. 12 passed; 0 failed; 0 ignored", "GET /errors/500 200",
                "panicked: nobody", "no thread 'main' was started", "thread 'main' started", "Finished release [optimized] target(s) in 0.5s", "level changed from ERROR to FATAL", "retry 1 of 3: connection refused", "Error pages: 3"] {
                println!("{}", text);
                eprintln!("{}", text);
            }
        }
        "caught" => {
            std::panic::set_hook(Box::new(|_| eprintln!("a job ended early and is tried again")));
            let _ = std::panic::catch_unwind(|| panic!("boom"));
        }
        "exits" => {
            eprintln!("usage: crash COMMAND (errors: 0)");
            std::process::exit(2);
        }
        _ => unreachable!(),
    }
    Ok(())
}
