use Mojolicious::Lite -signatures;
get '/ok' => sub ($c) { $c->render(text => 'ok') };
get '/pay' => sub ($c) { die "card 4242 was declined" };
app->start;
