import org.apache.logging.log4j.*;

public class Log4j {
  static final Logger log = LogManager.getLogger("com.shop.Checkout");

  public static void main(String[] args) {
    Scenario.run(args[0], (level, text, t) -> log.log(Level.valueOf(level), text, t));
  }
}
