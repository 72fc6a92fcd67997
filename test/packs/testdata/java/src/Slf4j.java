import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** SLF4J, on whichever backend is on the class path. */
public class Slf4j {
  static final Logger log = LoggerFactory.getLogger("com.shop.Checkout");

  public static void main(String[] args) {
    Scenario.run(args[0], (level, text, t) -> {
      switch (level) {
        case "DEBUG": log.debug(text, t); break;
        case "INFO": log.info(text, t); break;
        case "WARN": log.warn(text, t); break;
        default: log.error(text, t);
      }
    });
  }
}
