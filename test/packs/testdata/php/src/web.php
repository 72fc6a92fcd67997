<?php
class CardDeclined extends Exception {}
switch (parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH)) {
    case '/pay': throw new CardDeclined('card 4242 was declined');
    case '/warn': echo $total; break;
    case '/die': exec('kill -SEGV ' . getmypid()); sleep(1); break;
    case '/slow': sleep(10); break;
    default: echo 'ok';
}
