using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Shop.Billing {
  public class CardDeclinedException : Exception {
    public CardDeclinedException(string message, Exception inner = null) : base(message, inner) {}
  }

  public class OutOfStock : Exception {
    public OutOfStock(string sku) : base("only 2 of " + sku + " left") {}
  }

  public static class Gateway {
    public static void Charge(int amount) {
      if (amount > 100) throw new CardDeclinedException("card 4242 was declined for " + amount + " EUR");
      throw new OutOfStock("sku-17");
    }
  }

  public static class Crash {
    static object Nobody() { return null; }
    static int Deep(int n) { return Deep(n + 1) + 1; }
    static class Broken { public static readonly int Value = int.Parse("none"); }

    public static void Main(string[] args) {
      var cases = new Dictionary<string, Action> {
        ["nullReference"] = () => Nobody().ToString(),
        ["argument"] = () => { throw new ArgumentException("amount must be positive", "amount"); },
        ["argumentNull"] = () => string.Join(",", (string[])null),
        ["outOfRange"] = () => "abc".Substring(7),
        ["index"] = () => Console.WriteLine(new int[2][args.Length + 6]),
        ["listIndex"] = () => Console.WriteLine(new List<int>()[3]),
        ["invalidCast"] = () => Console.WriteLine((int)(object)"12"),
        ["format"] = () => int.Parse("12x"),
        ["overflow"] = () => Console.WriteLine(checked(int.MaxValue + args.Length)),
        ["divide"] = () => Console.WriteLine(1 / (args.Length - 1)),
        ["keyNotFound"] = () => Console.WriteLine(new Dictionary<string, int>()["customer_id"]),
        ["invalidOperation"] = () => new List<int>().First(),
        ["modified"] = () => { var l = new List<int> { 1, 2, 3 }; foreach (var i in l) l.Remove(i); },
        ["notSupported"] = () => new MemoryStream(new byte[1], false).WriteByte(1),
        ["notImplemented"] = () => { throw new NotImplementedException(); },
        ["disposed"] = () => { var s = new MemoryStream(); s.Dispose(); s.ReadByte(); },
        ["custom"] = () => Gateway.Charge(250),
        ["customName"] = () => Gateway.Charge(1),
        ["inner"] = () => { try { Gateway.Charge(250); } catch (Exception e) { throw new CardDeclinedException("order 4711 cannot be paid", e); } },
        ["multiline"] = () => { throw new Exception("first line\nsecond line"); },
        ["aggregate"] = () => Task.Run(() => Gateway.Charge(250)).Wait(),
        ["awaited"] = () => Later().GetAwaiter().GetResult(),
        ["whenAll"] = () => Task.WhenAll(Later(), Later()).Wait(),
        ["canceled"] = () => Task.Delay(1000, new CancellationToken(true)).GetAwaiter().GetResult(),
        ["noFile"] = () => File.ReadAllText("/etc/shop/appsettings.json"),
        ["noFolder"] = () => Directory.GetFiles("/srv/none"),
        ["access"] = () => { throw new UnauthorizedAccessException("Access to the path \"/etc/shadow\" is denied."); },
        ["io"] = () => { throw new IOException("No space left on device"); },
        ["refused"] = () => new TcpClient("127.0.0.1", 9),
        ["webRequest"] = () => WebRequest.Create("http://127.0.0.1:9/").GetResponse(),
        ["timeout"] = () => { throw new TimeoutException("The operation has timed out."); },
        ["typeInitializer"] = () => Console.WriteLine(Broken.Value),
        ["thread"] = () => { var t = new Thread(() => Gateway.Charge(250)); t.Start(); t.Join(); },
        ["pool"] = () => { ThreadPool.QueueUserWorkItem(_ => Gateway.Charge(1)); Thread.Sleep(500); },
        ["missingType"] = () => { throw new TypeLoadException("Could not load type 'Shop.Refund' from assembly 'Shop'."); },
        ["missingAssembly"] = () => System.Reflection.Assembly.Load("Shop.Missing"),
        ["memory"] = () => Console.WriteLine(new long[int.MaxValue - 100, 1000].Length),
        ["stackOverflow"] = () => Deep(0),
        ["failFast"] = () => Environment.FailFast("stock is negative"),
        ["printed"] = () => { try { Gateway.Charge(250); } catch (Exception e) { Console.Error.WriteLine(e); } },
        ["printedPrefix"] = () => { try { Gateway.Charge(250); } catch (Exception e) { Console.WriteLine("checkout failed: " + e); } },
        ["ordinary"] = () => {
          foreach (var text in new[] { "batch done: 120 rows, error=0, failed=0", "0 errors, 0 warnings", "Build succeeded.", "    0 Error(s)", "GET /errors/500 200", "handler for CardDeclinedException is registered",
            "Passed!  - Failed: 0, Passed: 12", "retry 1 of 3 after System.TimeoutException: timed out", "Unhandled exceptions: 0", "level changed from Error to Critical", "System.Exception handling is set up", "inner exception: none" })
            Console.WriteLine(text);
        },
        ["exits"] = () => { Console.Error.WriteLine("usage: crash COMMAND (errors: 0)"); Environment.Exit(2); },
      };
      cases[args[0]]();
    }

    static async Task Later() {
      await Task.Delay(1);
      Gateway.Charge(250);
    }
  }
}
