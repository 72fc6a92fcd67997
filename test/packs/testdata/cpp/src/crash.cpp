// Ends with the error that the argument names.
#include <cstdlib>
#include <csignal>
#include <cstring>
#include <exception>
#include <execinfo.h>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace shop {

struct CardDeclined : std::runtime_error {
  explicit CardDeclined(int card) : std::runtime_error("card " + std::to_string(card) + " was declined") {}
};

struct Order {
  int id;
  int amount;
};

__attribute__((noinline)) int charge(const Order &order) {
  if (order.amount > 100) throw CardDeclined(4242);
  return order.amount;
}

__attribute__((noinline)) int pay(const Order &order) {
  int paid = charge(order);
  asm volatile("");
  return paid + 1;
}

__attribute__((noinline)) int overflow(int n) {
  int *items = new int[4];
  int last = items[4 + n];
  delete[] items;
  return last;
}

__attribute__((noinline)) int freed(int n) {
  Order *order = new Order{n, 250};
  delete order;
  return order->amount;
}

__attribute__((noinline)) void leak() {
  auto *order = new Order{4711, 250};
  std::cerr << "order " << order->id << "\n";
  order = nullptr;
  asm volatile("" : : "r"(order) : "memory");
}

__attribute__((noinline)) int null(Order *order) { return order->amount; }

__attribute__((noinline)) int sum(const std::vector<int> &amounts) { return amounts.at(7); }

void rethrow(const Order &order) {
  try {
    pay(order);
  } catch (...) {
    std::throw_with_nested(std::runtime_error("order " + std::to_string(order.id) + " cannot be paid"));
  }
}

// trace is what services print from a handler: the frames, by glibc.
void trace() {
  void *frames[32];
  backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
}

void onSignal(int signal) {
  std::cerr << "caught signal " << signal << " (" << strsignal(signal) << ")" << std::endl;
  trace();
  _exit(1);
}

void onTerminate() {
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::exception &e) {
    std::cerr << "shop::CardDeclined: " << e.what() << std::endl;
  }
  trace();
  _exit(1);
}

}  // namespace shop

int main(int, char **argv) {
  std::string name = argv[1];
  shop::Order order{4711, 250};
  int n = static_cast<int>(name.size()) - static_cast<int>(std::strlen(argv[1]));
  if (name == "terminate") shop::pay(order);
  if (name == "out_of_range") return shop::sum({1, 2});
  if (name == "nested") shop::rethrow(order);
  if (name == "thread") std::thread([&] { shop::pay(order); }).join();
  if (name == "int") throw 42;
  if (name == "overflow") return shop::overflow(n);
  if (name == "freed") return shop::freed(n);
  if (name == "leak") shop::leak();
  if (name == "null") return shop::null(n == 0 ? nullptr : &order);
  if (name == "undefined") return 2147483647 + order.amount;
  if (name == "symbols") {
    std::signal(SIGSEGV, shop::onSignal);
    return shop::null(n == 0 ? nullptr : &order);
  }
  if (name == "handler") {
    std::set_terminate(shop::onTerminate);
    shop::pay(order);
  }
}
