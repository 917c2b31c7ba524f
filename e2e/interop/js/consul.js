'use strict';

// A program with the npm package consul. It is told what to do on standard input.

const readline = require('readline');
const Consul = require('consul');

const { APP, INSTANCE, PORT, RENEW, LEASE, CONSUL_HOST, CONSUL_PORT } = process.env;
const say = (what) => console.log('@ ' + what);

const consul = new Consul({ host: CONSUL_HOST, port: Number(CONSUL_PORT), defaults: { timeout: 5000 } });
const check = 'service:' + INSTANCE;
let well = true;

const register = () =>
  consul.agent.service.register({
    name: APP,
    id: INSTANCE,
    address: '127.0.0.1',
    port: Number(PORT),
    tags: ['js'],
    meta: { client: APP },
    check: { ttl: LEASE + 's' },
  });

const report = () => (well ? consul.agent.check.pass({ id: check, note: 'well' }) : consul.agent.check.fail({ id: check, note: 'ill' }));

// beat keeps the instance alive, and registers it again if it is unknown. What fails is tried again by the next one.
const beat = async () => {
  try {
    await report();
  } catch (err) {
    console.error(err.message);
    if (err.statusCode === 404) await register().catch((e) => console.error(e.message));
  }
};

const passing = (service) => consul.health.service({ service, passing: true });

// watches are those of services that anybody asked for: what the last change said of each.
const watches = {};
const watch = (service) => {
  const w = consul.watch({ method: consul.health.service, options: { service, passing: true }, backoffFactor: 50 });
  w.on('change', (data) => (watches[service] = data.length));
  w.on('error', (err) => console.error(service + ': ' + err.message)); // It goes on by itself.
};

// key is what a watch of a key that does not exist comes to.
const key = { asked: 0, changes: 0, errors: 0 };
const watchKey = () => {
  const method = (options) => {
    key.asked++;
    return consul.kv.get(options);
  };
  const w = consul.watch({ method, options: { key: 'config/' + APP, wait: '2s' } });
  w.on('change', (data) => (key.changes += data === undefined ? 1 : 1000)); // There is no such key.
  w.on('error', () => key.errors++);
};

const commands = {
  status: async (to) => {
    await consul.agent.service.maintenance({ id: INSTANCE, enable: to === 'OUT_OF_SERVICE', reason: 'told to' });
    say('STATUS ' + to);
  },
  health: async (to) => {
    well = to === 'UP';
    await report();
    say('HEALTH ' + to);
  },
  sees: async (service) => say('SEES ' + (await passing(service)).length),
  where: async (service) => {
    const all = await passing(service);
    const tags = (await consul.catalog.service.list())[service];
    if (all.length === 0 || tags === undefined) return say('WHERE nowhere');
    const s = all[0].Service;
    say(`WHERE ${s.ID} http://${s.Address}:${s.Port} ${s.Meta.client}`);
  },
  watched: async (service) => {
    if (!(service in watches)) {
      watches[service] = 0;
      watch(service);
    }
    say('WATCHED ' + (watches[service] > 0));
  },
  key: async () => {
    if (key.asked === 0) watchKey();
    say('KEY ' + JSON.stringify(key));
  },
  stop: async () => {
    await consul.agent.service.deregister(INSTANCE);
    say('STOPPED');
    process.exit(0);
  },
};

const main = async () => {
  await register();
  await report();
  setInterval(beat, RENEW * 1000);
  say('STARTED');
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [command, ...args] = line.split(' ');
    commands[command](...args).catch((err) => say('FAILED ' + err.message));
  });
  lines.on('close', () => process.exit(1)); // The test is gone.
};

main().catch((err) => say('FAILED ' + err.message));
