console.log('streaming')
