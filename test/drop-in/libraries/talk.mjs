// A program that answers messages until it is told to end.
process.on('message', (message) => {
  if (message === 'end') process.disconnect()
  else process.send({ got: message })
})
