import java.util.function.BiConsumer;

/** Calls a logger: level and text, and for errors a throwable. */
class Scenario {
  interface Log { void log(String level, String text, Throwable t); }

  static final String[][] ORDINARY = {
    {"DEBUG", "retry 1 of 3 after java.net.ConnectException: Connection refused"},
    {"DEBUG", "GET /api/errors?level=ERROR 200 12ms"},
    {"INFO", "batch done: 120 rows, error=0, failed=0"},
    {"INFO", "0 errors, 0 warnings"},
    {"INFO", "registered handler for com.shop.CardDeclinedException"},
    {"INFO", "mapped java.lang.IllegalStateException to status 409"},
    {"INFO", "starting with -XX:+ExitOnOutOfMemoryError -XX:+HeapDumpOnOutOfMemoryError"},
    {"INFO", "Tests run: 12, Failures: 0, Errors: 0, Skipped: 1"},
    {"INFO", "at com.shop.Main.start nothing is wrong"},
    {"INFO", "HikariPool-1 - Start completed."},
    {"INFO", "Started ShopApplication in 2.5 seconds (process running for 3.1)"},
    {"INFO", "Caused by: nobody"},
    {"WARN", "slow query: 1203 ms, no error"},
    {"WARN", "retrying in 5s: java.util.concurrent.TimeoutException: null"},
    {"WARN", "error budget is at 87 %"},
  };

  static Throwable failure(boolean deep) {
    try {
      try {
        Integer.parseInt("12x");
        return null;
      } catch (NumberFormatException e) {
        throw new IllegalStateException("order 4711 cannot be paid", e);
      }
    } catch (IllegalStateException e) {
      return deep ? new CardDeclined("card was declined", e) : e;
    }
  }

  static class CardDeclined extends RuntimeException {
    CardDeclined(String message, Throwable cause) { super(message, cause); }
  }

  static void run(String what, Log log) {
    switch (what) {
      case "ordinary":
        for (String[] line : ORDINARY) log.log(line[0], line[1], null);
        break;
      case "error":
        log.log("INFO", "order received", null);
        log.log("ERROR", "cannot charge card of order 4711: gateway answered 502", null);
        break;
      case "fatal":
        log.log("FATAL", "no database: giving up", null);
        break;
      case "exception":
        log.log("INFO", "order received", null);
        log.log("ERROR", "checkout failed", failure(false));
        break;
      case "custom":
        log.log("ERROR", "checkout failed", failure(true));
        break;
      case "retry":
        log.log("WARN", "first try failed", failure(false));
        break;
      case "memory":
        log.log("ERROR", "request failed", new OutOfMemoryError("Java heap space"));
        break;
    }
  }
}
