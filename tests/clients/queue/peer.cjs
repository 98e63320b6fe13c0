// peer: the cases of tools/bench/queue done by BullMQ and Bull, on the same Redis. Says a line
// "metric value" for each figure. Run with NODE_PATH at the folder that npm installed into.
// usage: node peer.cjs bullmq|bull REDIS-SOCKET CASE COUNT [CONCURRENCY]
const { fork } = require('node:child_process')
const { readFileSync } = require('node:fs')
const Redis = require('ioredis')

const [, , library, path, what, count_text, concurrency_text] = process.argv
const count = Number(count_text), concurrency = Number(concurrency_text ?? 1)
const name = 'bench', mq = library === 'bullmq'
const payload = JSON.parse('{"times":1,"ms":0,"deaf":false,"note":"octocat, 2026-11-22T10:00:00.000Z, nightly, 3f2b8c1e-7d5a-4e6b-9c0d-1a2b3c4d5e6f, page 123456789000000"}')
const keep = { removeOnComplete: mq ? { count: 1000 } : 1000, removeOnFail: mq ? { count: 10000 } : 10000 }
const redis = () => new Redis({ path, maxRetriesPerRequest: null, enableReadyCheck: false })
const say = (metric, value) => console.log(metric, value.toFixed(3))
const now = () => performance.timeOrigin + performance.now()
const sleep = ms => new Promise(done => setTimeout(done, ms))
const first = promises => Promise.race(promises)

const open_queue = () => mq
	? new (require('bullmq').Queue)(name, { connection: redis(), defaultJobOptions: keep })
	: new (require('bull'))(name, { createClient: redis, defaultJobOptions: keep })

// A worker that does not run yet: { run(), on(), close() }.
function open_worker(handler, at_once) {
	if (mq) {
		const worker = new (require('bullmq').Worker)(name, handler,
			{ connection: redis(), concurrency: at_once, autorun: false })
		worker.on('error', () => {})
		return { run: () => void worker.run(), on: (event, f) => worker.on(event, f) }
	}
	const queue = open_queue()
	return { run: () => void queue.process(at_once, handler), on: (event, f) => queue.on(event, f) }
}

async function info(section, field) {
	const connection = redis()
	const value = Number(new RegExp(`${field}:([0-9.]+)`).exec(await connection.info(section))[1])
	connection.disconnect()
	return value
}
const redis_cpu = async () => await info('cpu', 'used_cpu_user') + await info('cpu', 'used_cpu_sys')

async function fill(queue, n) {
	for (let done = 0; done < n; done += 500)
		await queue.addBulk(Array.from({ length: Math.min(500, n - done) },
			() => mq ? { name: 'noop', data: payload } : { data: payload }))
}

async function timed(work) {
	const began = performance.now()
	await work()
	return (performance.now() - began) / 1000
}

const cases = {
	async add(queue) {
		const one = mq ? () => queue.add('noop', payload) : () => queue.add(payload)
		say('add_per_s', count / await timed(async () => {
			for (let n = 0; n < count; n++) await one()
		}))
	},
	async pipelined(queue) {
		const one = mq ? () => queue.add('noop', payload) : () => queue.add(payload)
		let left = count
		const caller = async () => { while (left-- > 0) await one() }
		say('add_per_s', count / await timed(() => Promise.all(Array.from({ length: 100 }, caller))))
	},
	async bulk(queue) {
		say('add_per_s', count / await timed(() => fill(queue, count)))
	},
	async bytes(queue) {
		const before = await info('memory', 'used_memory')
		await fill(queue, count)
		say('bytes_per_waiting_job', (await info('memory', 'used_memory') - before) / count)
	},
	async process(queue) {
		await fill(queue, count)
		const worker = open_worker(async () => {}, concurrency)
		await sleep(500)
		let done = 0
		const cpu = await redis_cpu()
		const seconds = await timed(() => new Promise(all => {
			worker.on('completed', () => { if (++done === count) all() })
			worker.run()
		}))
		say('process_per_s', count / seconds)
		say('redis_cpu_us_per_job', (await redis_cpu() - cpu) * 1e6 / count)
	},
	async latency(queue) {
		const child = fork(__filename, [library, path, 'latency_worker', '0', '4'])
		await new Promise(ready => child.once('message', ready))
		const took = []
		for (let n = 0; n < count; n++) {
			const heard = new Promise(ran => child.once('message', ran))
			const began = now()
			await (mq ? queue.add('noop', payload) : queue.add(payload))
			took.push(await heard - began)
			await sleep(5 + n % 7 / 2)
		}
		child.kill('SIGKILL')
		took.sort((a, b) => a - b)
		say('p50_ms', took[Math.floor(count / 2)])
		say('p99_ms', took[Math.floor(count * 99 / 100)])
	},
	async latency_worker() {
		open_worker(async () => { process.send(now()) }, concurrency).run()
		await sleep(500)
		process.send('ready')
		await new Promise(() => {})
	},
	// The job runs in a child of its own, as ours do: until the library knows that it failed.
	async child_killed(queue) {
		const worker = open_worker(require.resolve('./sleeper.cjs'), 1)
		const active = new Promise(taken => worker.on('active', taken))
		const failed = new Promise(known => worker.on('failed', known))
		worker.run()
		await queue.add(...(mq ? ['noop', payload, { attempts: 3 }] : [payload, { attempts: 3 }]))
		await active
		await sleep(1000)
		const began = performance.now()
		for (const pid of readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' '))
			if (Number(pid) > 1) process.kill(Number(pid), 'SIGKILL')
		await first([failed, sleep(120000)])
		say('seconds_to_retry', (performance.now() - began) / 1000)
	},
	// Another worker lives, as one would after a restart.
	async worker_killed(queue) {
		const start = () => fork(__filename, [library, path, 'sleeping_worker', '0'])
		const victim = start()
		await new Promise(ready => victim.once('message', ready))
		const taken = new Promise(active => victim.once('message', active))
		await queue.add(...(mq ? ['noop', payload] : [payload]))
		await taken
		const heir = start()
		await new Promise(ready => heir.once('message', ready))
		const again = new Promise(active => heir.once('message', active))
		const began = performance.now()
		victim.kill('SIGKILL')
		await first([again, sleep(150000)])
		say('seconds_to_restart', (performance.now() - began) / 1000)
		heir.kill('SIGKILL')
	},
	async sleeping_worker() {
		open_worker(async () => { process.send('active'); await new Promise(() => {}) }, 1).run()
		await sleep(500)
		process.send('ready')
		await new Promise(() => {})
	},
}

cases[what](open_queue()).then(() => process.exit(0), why => { console.error(`${library}: ${why.stack}`); process.exit(1) })
