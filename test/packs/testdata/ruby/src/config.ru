require_relative 'railsapp'
run App
