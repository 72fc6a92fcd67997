"""A package with exceptions of its own, none of which is called an error."""


class CardDeclined(Exception):
    pass


class OutOfStock(Exception):
    def __init__(self, sku, left):
        super().__init__(f"only {left} of {sku} left")


class PaymentError(Exception):
    pass


def charge(amount):
    if amount > 100:
        raise CardDeclined(f"card 4242 was declined for {amount} EUR (code 51)")
    if amount < 0:
        raise PaymentError("amount is negative\nsecond line of the message")
    raise OutOfStock("sku-17", 2)
