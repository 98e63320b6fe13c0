// sleeper: a job that takes long, for a worker's child that is to be killed.
module.exports = () => new Promise(done => setTimeout(done, 60000))
