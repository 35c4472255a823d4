# ruby-jwt: a loader of the key set that is asked again for a key that it did
# not have, as the library's documents show it.
require 'json'
require 'jwt'
require 'net/http'
require 'open3'
require 'openssl'

warn "ruby-jwt #{Gem.loaded_specs['jwt']&.version}"

def told(name) = ENV.fetch("INTEROP_#{name}")

def login
  body = JSON.generate(username: told('USERNAME'), password: told('PASSWORD'))
  answer = Net::HTTP.post(URI("#{told('URL')}/v1/login"), body, 'Content-Type' => 'application/json')
  raise "login: #{answer.code} #{answer.body}" unless answer.is_a?(Net::HTTPCreated)

  JSON.parse(answer.body)
end

def header(token) = JWT.decode(token, nil, false).last

# rotate_keys lets another key sign, and returns once the server does so.
def rotate_keys(algorithm)
  before = header(login['access_token'])['kid']
  [%W[new --alg #{algorithm}], %w[rotate]].each do |args|
    said, status = Open3.capture2e(told('COMMAND'), 'keys', *args, '--keys', told('KEYS'))
    raise said unless status.success?
  end
  300.times do
    tokens = login
    return tokens if header(tokens['access_token'])['kid'] != before

    sleep 0.1
  end
  raise 'the server does not sign with the new key'
end

SAW = {}

# see notes what a step returned, or the class of its error.
def see(step)
  SAW[step] = yield
rescue JWT::DecodeError => e
  SAW[step] = e.class.name
end

# The keys that were fetched last, if any.
FETCHED = []
LOADER = lambda do |options|
  FETCHED.clear if options[:kid_not_found] || options[:invalidate]
  FETCHED << JSON.parse(Net::HTTP.get(URI("#{told('ISSUER')}/.well-known/jwks.json")), symbolize_names: true) if FETCHED.empty?
  FETCHED.first
end

def decode(token, **options)
  claims, head = JWT.decode(token, nil, true, {
    algorithms: %w[ES256 RS256], jwks: LOADER,
    iss: told('ISSUER'), verify_iss: true, aud: told('AUDIENCE'), verify_aud: true,
    required_claims: %w[exp iat sub jti sid], **options
  })
  [head['alg'], head['typ'], claims['scope'], claims['sub'] == told('SUBJECT')]
end

first = login
access = first['access_token']
claims, head = JWT.decode(access, nil, false)
forge = ->(key, alg, kid = head['kid']) { JWT.encode(claims, key, alg, { typ: 'at+jwt', kid: kid }) }
mine = OpenSSL::PKey::EC.generate('prime256v1')

see('verify') { decode(access) }
see('refresh token') { decode(first['refresh_token']) }
see('another audience') { decode(access, aud: 'elsewhere') }
see('another issuer') { decode(access, iss: 'https://elsewhere.example') }
see('another algorithm') { decode(access, algorithms: %w[RS256]) }
see('a claim that is not there') { decode(access, required_claims: %w[nbf]) }
see('forged') { decode(forge.call(mine, 'ES256')) }
see('forged with an unknown kid') { decode(forge.call(mine, 'ES256', 'mine')) }
see('forged with a secret') { decode(forge.call('secret', 'HS256')) }
see('unsigned') { decode(forge.call(nil, 'none')) }

before = LOADER.call({})[:keys].length
rotated = rotate_keys('RS256')
see('new key') { decode(rotated['access_token']) }
see('keys') { [before, LOADER.call({})[:keys].length] }
see('old key') { decode(access) }
puts JSON.generate(SAW)
