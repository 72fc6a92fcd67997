from fastapi import FastAPI
import billing

app = FastAPI()


@app.get("/ok")
def ok():
    return "ok"


@app.get("/pay")
def pay():
    billing.charge(250)


if __import__("os").environ.get("BREAK_STARTUP"):
    @app.on_event("startup")
    def startup():
        raise billing.PaymentError("no gateway")
