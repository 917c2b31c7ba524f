"""A program with py_eureka_client. It is told what to do on standard input."""

import json
import logging
import os
import sys
import threading

from py_eureka_client import eureka_client

logging.basicConfig(stream=sys.stderr)
env = os.environ


def say(what):
    print("@ " + what, flush=True)


def describe(i):
    """Every field that the client has read of an instance, by the names that all clients of these tests use."""
    return {
        "id": i.instanceId,
        "app": i.app,
        "group": i.appGroupName,
        "host": i.hostName,
        "ip": i.ipAddr,
        "port": i.port.port,
        "portEnabled": i.port.enabled,
        "securePort": i.securePort.port,
        "securePortEnabled": i.securePort.enabled,
        "status": i.status,
        "overridden": i.overriddenstatus,
        "vip": i.vipAddress,
        "secureVip": i.secureVipAddress,
        "homePage": i.homePageUrl,
        "statusPage": i.statusPageUrl,
        "healthCheck": i.healthCheckUrl,
        "secureHealthCheck": i.secureHealthCheckUrl,
        "asg": i.asgName,
        "country": i.countryId,
        "dataCenter": i.dataCenterInfo.name,
        "renew": i.leaseInfo.renewalIntervalInSecs,
        "lease": i.leaseInfo.durationInSecs,
        "dirty": i.lastDirtyTimestamp,
        "coordinating": i.isCoordinatingDiscoveryServer,
        "metadata": i.metadata,
    }


client = eureka_client.init(
    eureka_server=env["EUREKA_URLS"],
    app_name=env["APP"],
    instance_id=env["INSTANCE"],
    instance_host="127.0.0.1",
    instance_ip="127.0.0.1",
    instance_port=int(env["PORT"]),
    renewal_interval_in_secs=int(env["RENEW"]),
    duration_in_secs=int(env["LEASE"]),
    metadata={"client": "python"},
)

# stop() of this client does not end its thread of heartbeats: one that is under way would register the instance anew.
# So this program stops right after one.
beats = threading.Condition()
send_heartbeat = client.send_heartbeat


async def beat(*args, **kwargs):
    await send_heartbeat(*args, **kwargs)
    with beats:
        beats.notify_all()


client.send_heartbeat = beat


def run(coroutine):
    return eureka_client.get_event_loop().run_until_complete(coroutine)


def find(app):
    apps = client.applications  # None until it has been read once
    return apps.get_application(app).instances if apps else []


say("STARTED")
for line in sys.stdin:
    command, *args = line.split()
    if command == "status":
        run(client.status_update(args[0]))
        say("STATUS " + args[0])
    elif command == "sees":
        say("SEES %d" % sum(i.status == "UP" for i in find(args[0])))
    elif command == "instance":
        found = [describe(i) for i in find(args[0]) if i.instanceId == args[1]]
        say("INSTANCE " + json.dumps(found[0] if found else None))
    elif command == "stop":
        with beats:
            beats.wait(10)
        eureka_client.stop()
        say("STOPPED")
        os._exit(0)
os._exit(1)  # The test is gone.
