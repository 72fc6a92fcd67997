import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

/** Ends with the error that the argument names. */
public class Crash {
  static class CardDeclined extends RuntimeException {
    CardDeclined(String message, Throwable cause) { super(message, cause); }
  }

  static class Quiet extends RuntimeException {}

  static Object nobody() { return null; }

  static int deep(int n) { return deep(n + 1) + 1; }

  static void charge(int order) {
    try {
      new Socket("127.0.0.1", 9).close();
    } catch (IOException e) {
      throw new CardDeclined("order " + order + " cannot be paid", e);
    }
  }

  public static void main(String[] args) throws Throwable {
    switch (args[0]) {
      case "nullPointer": System.out.println(nobody().hashCode()); break;
      case "illegalState": throw new IllegalStateException("no broker");
      case "illegalArgument": throw new IllegalArgumentException("amount must be positive: -3");
      case "bounds": System.out.println(new int[2][7]); System.out.println(new int[2][args.length + 6].length); System.out.println(Arrays.asList(1).get(5)); break;
      case "classCast": System.out.println((Integer) (Object) "12"); break;
      case "numberFormat": Integer.parseInt("12x"); break;
      case "arithmetic": System.out.println(1 / (args.length - 1)); break;
      case "custom": charge(4711); break;
      case "customBare": throw new Quiet();
      case "twoCauses":
        try { charge(4711); } catch (CardDeclined e) { throw new RuntimeException("checkout failed", e); }
        break;
      case "rethrown":
        try { charge(4711); } catch (CardDeclined e) { throw new ExecutionException(e); }
        break;
      case "suppressed":
        try (Closeable c = () -> { throw new IOException("cannot close"); }) { throw new IllegalStateException("first"); }
      case "checked": throw new IOException("Broken pipe");
      case "noFile": Files.readString(Path.of("/etc/shop/config.yaml"));
      case "unknownHost": throw new UnknownHostException("db.shop.svc: Name or service not known");
      case "socketTimeout":
        try (ServerSocket s = new ServerSocket(0); Socket c = new Socket("127.0.0.1", s.getLocalPort())) { c.setSoTimeout(50); c.getInputStream().read(); }
        break;
      case "future": CompletableFuture.supplyAsync(() -> Integer.parseInt("x")).get(); break;
      case "pool":
        ExecutorService pool = Executors.newFixedThreadPool(1);
        pool.execute(() -> charge(1));
        pool.shutdown();
        break;
      case "thread":
        Thread t = new Thread(() -> { throw new UnsupportedOperationException("refund"); }, "consumer-1");
        t.start();
        t.join();
        break;
      case "assertion": assert args.length == 2 : "two arguments are needed"; break;
      case "assertionError": throw new AssertionError("stock is negative");
      case "concurrentModification": List<Integer> l = new ArrayList<>(List.of(1, 2, 3)); for (Integer i : l) l.remove(i); break;
      case "noSuchElement": List.of().iterator().next(); break;
      case "interrupted": Thread.currentThread().interrupt(); Thread.sleep(1); break;
      case "uncheckedIO": throw new UncheckedIOException(new IOException("disk is gone"));
      case "initializer": System.out.println(Broken.VALUE); break;
      case "classNotFound": Class.forName("com.mysql.cj.jdbc.Driver"); break;
      case "noClassDef": System.out.println(new NeedsGone()); break;
      case "overflow": deep(0); break;
      case "heap": List<byte[]> all = new ArrayList<>(); while (true) all.add(new byte[1 << 24]);
      case "arraySize": System.out.println(new long[Integer.MAX_VALUE].length); break;
      case "sql": throw new java.sql.SQLException("Connection is closed");
      case "printed": try { charge(5); } catch (RuntimeException e) { e.printStackTrace(); } break;
      case "printedOut": try { charge(5); } catch (RuntimeException e) { e.printStackTrace(System.out); } break;
      case "plain": throw new Exception("boom");
      case "localized": throw new IllegalStateException("ung\u00fcltig:\n  zweite Zeile");
      case "deadlock": deadlock(); break;
      case "vmCrash":
        java.lang.reflect.Field f = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        f.setAccessible(true);
        ((sun.misc.Unsafe) f.get(null)).putLong(0, 1);
        break;
      case "gc": for (int i = 0; i < 200; i++) { Object o = new byte[1 << 22]; if (i % 50 == 0) System.gc(); } break;
      default: throw new IllegalArgumentException(args[0]);
    }
  }

  static class Broken { static final int VALUE = Integer.parseInt("none"); }

  static void deadlock() throws Exception {
    Object a = new Object(), b = new Object();
    CountDownLatch both = new CountDownLatch(2);
    for (Object[] p : new Object[][] {{a, b}, {b, a}}) {
      Thread t = new Thread(() -> {
        synchronized (p[0]) {
          both.countDown();
          try { both.await(); } catch (InterruptedException e) { return; }
          synchronized (p[1]) { System.out.println("never"); }
        }
      });
      t.setDaemon(true);
      t.start();
    }
    both.await();
    Thread.sleep(100);
    new ProcessBuilder("kill", "-QUIT", "" + ProcessHandle.current().pid()).start().waitFor();
    Thread.sleep(500);
  }
}
