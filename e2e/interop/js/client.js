'use strict';

// A program with eureka-js-client. It is told what to do on standard input.

const readline = require('readline');
const { Eureka } = require('eureka-js-client');

const { APP, INSTANCE, PORT, RENEW, LEASE, EUREKA_URLS } = process.env;
const say = (what) => console.log('@ ' + what);
const log = (...what) => console.error(...what);

const client = new Eureka({
  logger: { debug: () => {}, info: log, warn: log, error: log },
  eureka: {
    serviceUrls: { default: EUREKA_URLS.split(',').map((u) => u + '/apps/') },
    heartbeatInterval: RENEW * 1000,
    registryFetchInterval: 1000,
    requestRetryDelay: 100,
    filterUpInstances: false,
  },
  instance: {
    app: APP,
    instanceId: INSTANCE,
    hostName: '127.0.0.1',
    ipAddr: '127.0.0.1',
    vipAddress: APP,
    port: { $: Number(PORT), '@enabled': 'true' },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: Number(RENEW), durationInSecs: Number(LEASE) },
    metadata: { client: 'js' },
  },
});

// describe is every field that the client has read of an instance, by the names that all clients of these tests use.
const describe = (i) => ({
  id: i.instanceId,
  app: i.app,
  group: i.appGroupName,
  host: i.hostName,
  ip: i.ipAddr,
  port: i.port.$,
  portEnabled: i.port['@enabled'] === 'true',
  securePort: i.securePort.$,
  securePortEnabled: i.securePort['@enabled'] === 'true',
  status: i.status,
  overridden: i.overriddenStatus,
  vip: i.vipAddress,
  secureVip: i.secureVipAddress,
  homePage: i.homePageUrl,
  statusPage: i.statusPageUrl,
  healthCheck: i.healthCheckUrl,
  secureHealthCheck: i.secureHealthCheckUrl,
  asg: i.asgName,
  country: i.countryId,
  dataCenter: i.dataCenterInfo.name,
  renew: i.leaseInfo.renewalIntervalInSecs,
  lease: i.leaseInfo.durationInSecs,
  dirty: Number(i.lastDirtyTimestamp),
  coordinating: i.isCoordinatingDiscoveryServer === 'true',
  metadata: i.metadata,
});

const commands = {
  // The client has no call for this; its requests go where all others of it go.
  status: (to) =>
    client.eurekaRequest({ method: 'PUT', uri: `${APP}/${INSTANCE}/status?value=${to}` }, (err, res) =>
      say(err || res.statusCode !== 200 ? `FAILED ${err || res.statusCode}` : `STATUS ${to}`)
    ),
  sees: (app) => say('SEES ' + client.getInstancesByAppId(app).filter((i) => i.status === 'UP').length),
  instance: (app, id) => {
    const found = client.getInstancesByAppId(app).find((i) => i.instanceId === id);
    say('INSTANCE ' + JSON.stringify(found ? describe(found) : null));
  },
  stop: () =>
    client.stop((err) => {
      say(err ? `FAILED ${err}` : 'STOPPED');
      process.exit(err ? 1 : 0);
    }),
};

client.start((err) => {
  say(err ? `FAILED ${err}` : 'STARTED');
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [command, ...args] = line.split(' ');
    commands[command](...args);
  });
  lines.on('close', () => process.exit(1)); // The test is gone.
});
