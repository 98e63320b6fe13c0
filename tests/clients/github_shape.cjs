// github_shape: what tests/clients/test_github_shape.sh asks of GitHub's own descriptions.
//	slice OUT               the OpenAPI description of the endpoints that the stand-in has
//	webhooks                lines {"event", "body"} against x-webhooks and recorded deliveries
//	graphql URL TOKEN       answers of GraphQL against GitHub's schema
'use strict';
const fs = require('fs');
const path = require('path');
const need = (name) => require(require.resolve(name, { paths: [process.env.NPM_DIR] }));
const [command, ...words] = process.argv.slice(2);

const ENDPOINTS = {
	'/rate_limit': ['get'], '/user': ['get'], '/user/emails': ['get'], '/user/repos': ['get'],
	'/users/{username}': ['get'], '/users/{username}/repos': ['get'], '/repos/{owner}/{repo}': ['get'],
	'/repos/{owner}/{repo}/languages': ['get'], '/applications/{client_id}/token': ['post', 'delete'],
	'/applications/{client_id}/grant': ['delete'],
};

// Its index would read nine more of them.
function spec() {
	const index = require.resolve('@octokit/openapi', { paths: [process.env.NPM_DIR] });
	return JSON.parse(fs.readFileSync(path.join(path.dirname(index), 'generated', 'api.github.com.json'), 'utf8'));
}

function fail(text) {
	console.error(text);
	process.exitCode = 1;
}

// Prism takes half a minute for the whole description; what nobody refers to is left out.
function slice(out) {
	const all = spec(), some = { openapi: all.openapi, info: all.info, servers: all.servers, paths: {}, components: {} };
	const take = (node) => {
		if (node === null || typeof node !== 'object')
			return;
		if (typeof node.$ref === 'string') {
			const [, , kind, name] = node.$ref.split('/');
			some.components[kind] ??= {};
			if (!(name in some.components[kind]))
				take(some.components[kind][name] = all.components[kind][name]);
		}
		Object.values(node).forEach(take);
	};
	for (const [path, methods] of Object.entries(ENDPOINTS)) {
		some.paths[path] = {};
		for (const method of methods)
			take(some.paths[path][method] = all.paths[path][method]);
	}
	fs.writeFileSync(out, JSON.stringify(some));
}

// Keys of a recorded delivery that ours lacks; what only some accounts or app kinds have is let go.
function missing(real, ours, where, optional) {
	return Object.keys(real).filter((key) => !(key in ours) && !optional.has(key)).map((key) => where + key);
}

// OpenAPI 3.0's nullable, as JSON Schema says it.
function nullable(node) {
	if (node === null || typeof node !== 'object')
		return node;
	for (const key of Object.keys(node))
		node[key] = nullable(node[key]);
	if (node.nullable !== true)
		return node;
	delete node.nullable;
	return { anyOf: [node, { type: 'null' }] };
}

function webhook(event, body, all, ajv) {
	const name = event.replaceAll('_', '-') + (body.action ? '-' + body.action : '');
	const row = (all['x-webhooks'] ?? all.webhooks)[name];
	if (!row)
		return fail(`${name}: GitHub has no such webhook`);
	const schema = JSON.parse(JSON.stringify(row.post.requestBody.content['application/json'].schema)
		.replaceAll('"#/', '"github#/'));
	if (!ajv.validate(schema, body))
		return fail(`${name}: ${ajv.errorsText()}`);
	const recorded = need('@octokit/webhooks-examples').find((one) => one.name === event)?.examples
		.find((one) => one.action === body.action);
	if (!recorded)
		return console.log(`${name}: as described; none recorded`);
	const optional = new Set(['organization', 'requester', 'repositories']);
	if (!event.startsWith('installation'))
		optional.add('installation');
	const lacks = missing(recorded, body, '', optional);
	for (const part of ['repository', 'sender', 'head_commit', 'installation', 'hook'])
		if (recorded[part] && body[part])
			lacks.push(...missing(recorded[part], body[part], part + '.',
				new Set(['organization', 'test_url', 'ping_url', 'last_response', 'deliveries_url'])));
	if (lacks.length)
		return fail(`${name}: a recorded one has ${lacks.join(', ')}`);
	console.log(`${name}: as described and recorded`);
}

function webhooks() {
	const all = nullable(spec()), Ajv = need('ajv').default ?? need('ajv');
	const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
	(need('ajv-formats').default ?? need('ajv-formats'))(ajv);
	ajv.addSchema({ $id: 'github', components: all.components });
	for (const line of fs.readFileSync(0, 'utf8').trim().split('\n')) {
		const { event, body } = JSON.parse(line);
		webhook(event, body, all, ajv);
	}
}

// The answer becomes the root of an execution by GitHub's schema, so each value is held against
// its type, and the answer must come out as it went in.
async function graphql(url, token) {
	const { buildSchema, parse, validate, execute } = need('graphql');
	const file = path.join(process.env.NPM_DIR, 'node_modules/@octokit/graphql-schema/schema.graphql');
	const schema = buildSchema(fs.readFileSync(file, 'utf8'), { assumeValid: true });
	const query = `query($from: DateTime!, $to: DateTime!) {
		viewer { id databaseId login name bio company location createdAt updatedAt
			followers { totalCount } following { totalCount }
			contributionsCollection(from: $from, to: $to) {
				startedAt endedAt hasAnyContributions hasAnyRestrictedContributions isSingleDay
				restrictedContributionsCount totalCommitContributions totalIssueContributions
				totalPullRequestContributions totalPullRequestReviewContributions
				totalRepositoryContributions totalRepositoriesWithContributedCommits
				contributionCalendar { totalContributions isHalloween colors weeks { firstDay
					contributionDays { date weekday contributionCount contributionLevel color } } } } }
		user(login: "grace") { login }
		rateLimit { cost limit nodeCount remaining resetAt used } }`;
	const variables = { from: '2025-01-01T00:00:00Z', to: '2025-03-31T23:59:59Z' };
	const document = parse(query);
	for (const wrong of validate(schema, document))
		fail(`graphql: ${wrong.message}`);
	const response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` },
		body: JSON.stringify({ query, variables }) });
	const answer = await response.json();
	if (response.status !== 200 || answer.errors)
		return fail(`graphql: ${response.status} ${JSON.stringify(answer.errors)}`);
	const held = await execute({ schema, document, rootValue: answer.data, variableValues: variables });
	for (const wrong of held.errors ?? [])
		fail(`graphql: ${wrong.path}: ${wrong.message}`);
	if (JSON.stringify(held.data) !== JSON.stringify(answer.data))
		fail('graphql: GitHub would have answered otherwise');
	// The canary: the same check must see a wrong type.
	answer.data.viewer.contributionsCollection.contributionCalendar.totalContributions = 'many';
	const spoiled = await execute({ schema, document, rootValue: answer.data, variableValues: variables });
	if (!spoiled.errors)
		fail('graphql: a wrong type was not seen');
	console.log('graphql: as its schema has it');
}

({ slice, webhooks, graphql })[command](...words);
