// A program that fork() starts: answers messages, and ends when told to.
process.on('message', (message) => {
  if (message === 'exit') process.exit(7)
  if (message === 'disconnect') process.disconnect()
  else process.send({ got: message, argv: process.argv.slice(2) })
})
