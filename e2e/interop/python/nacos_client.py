"""A program with the client of nacos-sdk-python that speaks HTTP. It is told what to do on standard input."""

import logging
import os
import sys

import nacos

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
env = os.environ
client = nacos.NacosClient(env["SERVERS"], username="nacos", password="nacos", logDir=env["DIR"])
self = {"service_name": env["APP"], "ip": "127.0.0.1", "port": int(env["PORT"]), "cluster_name": "PY"}
metadata = {
    "client": "python",
    "preserved.heart.beat.interval": env["RENEW"],
    "preserved.heart.beat.timeout": env["LEASE"],
    "preserved.ip.delete.timeout": env["LEASE"],
}


def say(what):
    print("@ " + what, flush=True)


def find(service):
    return client.list_naming_instance(service, healthy_only=True)["hosts"]


client.add_naming_instance(metadata=metadata, heartbeat_interval=int(env["RENEW"]) / 1000, **self)
say("STARTED")
for line in sys.stdin:
    command, *args = line.split()
    try:
        if command == "sees":
            say("SEES %d" % len(find(args[0])))
        elif command == "enabled":
            client.modify_naming_instance(enable=args[0] == "true", metadata=metadata, **self)
            say("DONE")
        elif command == "stop":
            client.remove_naming_instance(**self)
            say("STOPPED")
            os._exit(0)
    except Exception as e:  # The registry could not be asked.
        say("FAILED %s" % e)
os._exit(1)  # The test is gone.
