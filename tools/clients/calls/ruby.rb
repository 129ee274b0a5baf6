# One call with the Ruby client that openapi-generator generates.

require 'uri'

require 'projects_client'

ProjectsClient.configure do |config|
  address = URI(ENV.fetch('BASE_URL'))
  config.scheme = address.scheme
  config.host = "#{address.host}:#{address.port}"
  config.access_token = ENV.fetch('API_KEY')
end

projects = ProjectsClient::ProjectsApi.new
page = projects.list_projects(limit: 1)
puts "#{page.total} #{page.items.first.name}"

begin
  projects.get_project('00000000-0000-7000-8000-000000000000')
rescue ProjectsClient::ApiError => error
  problem = JSON.parse(error.response_body)
  puts "#{problem['status']} #{problem['type']}"
end
