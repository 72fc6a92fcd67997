from flask import Flask
import billing

app = Flask(__name__)


@app.route("/ok")
def ok():
    app.logger.info("errors: none")
    return "ok"


@app.route("/pay")
def pay():
    billing.charge(250)


@app.route("/slow")
def slow():
    import time
    time.sleep(30)


@app.route("/die")
def die():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
