import java.util.Map;
import java.util.logging.*;

public class Jul {
  static final Logger log = Logger.getLogger("com.shop.Checkout");

  public static void main(String[] args) {
    Map<String, Level> levels = Map.of("DEBUG", Level.FINE, "INFO", Level.INFO, "WARN", Level.WARNING, "ERROR", Level.SEVERE, "FATAL", Level.SEVERE);
    log.setLevel(Level.FINE);
    Scenario.run(args[0], (level, text, t) -> log.log(levels.get(level), text, t));
  }
}
