module example.com/projects/story

go 1.19

require example.com/projects/client v0.0.0

replace example.com/projects/client => ./client
