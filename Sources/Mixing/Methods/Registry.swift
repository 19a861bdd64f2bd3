/// Every mixing method, in the order in which they are listed for people.
public let mixingMethods: [any MixingMethod.Type] = [
  UniformMixture.self, NaturalMixture.self, FixedMixture.self, TemperatureMixture.self, UnimaxMixture.self,
  DynamicGradientAlignment.self,
]
