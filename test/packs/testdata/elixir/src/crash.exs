# Ends with, or logs, the error that the argument names.
defmodule Shop.CardDeclined do
  defexception [:card]
  def message(e), do: "card #{e.card} was declined"
end

defmodule Shop.Billing do
  def charge(%{amount: amount}) when amount > 100, do: raise(Shop.CardDeclined, card: 4242)
  def charge(%{amount: amount}), do: {:ok, 1000 / amount}

  def pay(order) do
    result = charge(order)
    {:paid, result}
  end

  def retry(order) do
    pay(order)
  rescue
    e -> reraise RuntimeError, [message: "order 4711 cannot be paid: " <> Exception.message(e)], __STACKTRACE__
  end
end

defmodule Shop.Cart do
  use GenServer
  def init(state), do: {:ok, state}

  def handle_call({:checkout, order}, _from, state) do
    paid = Shop.Billing.pay(order)
    {:reply, paid, state}
  end

  def handle_cast({:checkout, order}, state) do
    Shop.Billing.pay(order)
    {:noreply, state}
  end
end

order = %{id: 4711, amount: 250}

# Crashes of processes are logged, and the program goes on.
watch = fn start ->
  pid = start.()
  ref = Process.monitor(pid)
  receive do
    {:DOWN, ^ref, _, _, _} -> Logger.flush()
  end
end

cases = %{
  "raise" => fn -> Shop.Billing.pay(order) end,
  "arithmetic" => fn -> Shop.Billing.pay(%{order | amount: 0}) end,
  "clause" => fn -> Shop.Billing.pay(:nothing) end,
  "undefined" => fn -> apply(Shop.Billing, :refund, [order]) end,
  "reraise" => fn -> Shop.Billing.retry(order) end,
  "throw" => fn -> throw({:declined, 4242}) end,
  "exit" => fn -> exit({:shutdown_failed, 4711}) end,
  "match" => fn -> {:ok, _} = Shop.Billing.pay(%{order | amount: 10}) end,
  "genserver" => fn ->
    watch.(fn ->
      {:ok, pid} = GenServer.start(Shop.Cart, %{})
      GenServer.cast(pid, {:checkout, order})
      pid
    end)
  end,
  "genserver_call" => fn ->
    {:ok, pid} = GenServer.start(Shop.Cart, %{})
    GenServer.call(pid, {:checkout, order})
  end,
  "task" => fn ->
    watch.(fn ->
      {:ok, pid} = Task.start(Shop.Billing, :pay, [order])
      pid
    end)
  end,
  "task_await" => fn ->
    Task.async(fn -> Shop.Billing.pay(order) end) |> Task.await()
  end,
  "spawn" => fn -> watch.(fn -> spawn(fn -> Shop.Billing.pay(order) end) end) end,
  "logged" => fn ->
    require Logger
    try do
      Shop.Billing.pay(order)
    rescue
      e -> Logger.error("order 4711: " <> Exception.format(:error, e, __STACKTRACE__))
    end
    Logger.flush()
  end
}

cases[hd(System.argv())].()
