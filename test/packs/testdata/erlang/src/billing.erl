%% Logs, or ends with, the error that the argument names.
-module(billing).
-behaviour(gen_server).
-export([main/1, pay/1, charge/1, init/1, handle_call/3, handle_cast/2, start_worker/1]).

charge(Amount) when Amount > 100 -> erlang:error({card_declined, 4242});
charge(Amount) -> 1000 div Amount.

pay(#{amount := Amount}) ->
    Paid = charge(Amount),
    {paid, Paid}.

init(State) -> {ok, State}.
handle_call({pay, Order}, _From, State) ->
    Paid = pay(Order),
    {reply, Paid, State}.
handle_cast({pay, Order}, State) ->
    {paid, _} = pay(Order),
    {noreply, State}.

start_worker(Order) ->
    proc_lib:init_ack({ok, self()}),
    {paid, _} = pay(Order).

order() -> #{id => 4711, amount => 250}.

main([Case]) ->
    run(list_to_atom(Case)).

run(nested) -> {paid, _} = pay(order());
run(badarith) -> {paid, _} = pay(#{amount => 0});
run(function_clause) -> pay(nothing);
run(badmatch) -> {error, _} = pay(#{amount => 10});
run(undefined) -> gateway:refund(order());
run(throw) -> throw({declined, 4242});
run(caught) ->
    try pay(order())
    catch Class:Reason:Trace ->
        io:format(standard_error, "~s~n", [erl_error:format_exception(Class, Reason, Trace)])
    end;
run(process) -> watch(spawn(fun() -> {paid, _} = pay(order()) end));
run(proc_lib) -> {ok, Pid} = proc_lib:start(?MODULE, start_worker, [order()]), watch(Pid);
run(gen_server) ->
    {ok, Pid} = gen_server:start(?MODULE, #{}, []),
    gen_server:cast(Pid, {pay, order()}),
    watch(Pid);
run(error_report) ->
    try pay(order())
    catch Class:Reason:Trace -> logger:error(#{class => Class, reason => Reason, stacktrace => Trace})
    end,
    timer:sleep(200).

watch(Pid) ->
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, _, _, _} -> timer:sleep(200) end.
